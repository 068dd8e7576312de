"""Published frames in; a live screen in the browser out."""
