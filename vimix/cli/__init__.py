"""The command line's parts: arguments, one clip, several clips, a watched folder, what is shown of them."""
