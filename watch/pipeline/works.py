"""The recorded works as the steps see them: a shortlist of sessions, then every stage of these."""
