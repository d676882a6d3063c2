"""From a post that a source told of to a finding: each step may be cut off and is done again."""
