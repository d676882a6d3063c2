"""The pages, one module for each; `desk.web.app.ROOMS` lists them."""
