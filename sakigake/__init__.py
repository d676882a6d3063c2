"""What recorder, matcher and verifier share: model, store, timeline, anchors, fingerprints, evidence."""

__version__ = "0.1.0"
