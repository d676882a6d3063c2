"""Making a package from the page, step by step: what is wanted, what goes into it, the run that writes and checks it."""
