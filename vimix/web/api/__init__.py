"""What programs call: Gradio endpoints, plain HTTP and the zip download."""
