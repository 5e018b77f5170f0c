"""The page: layout, handlers, translations and static files."""
