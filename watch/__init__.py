"""From a found post to a finding."""
