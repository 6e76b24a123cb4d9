"""Label Studio: a server of our own, tasks out, annotations back."""
