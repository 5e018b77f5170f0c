"""The page and its doors; the only place that knows Gradio."""
