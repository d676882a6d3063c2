"""Where frames come from: a screen region, a folder of pictures."""
