"""From two fingerprints to a calibrated answer: scores, normalisation, calibration per view, stage attribution."""
