"""Pictures that explain a comparison to whoever has to judge it with her own eyes."""
