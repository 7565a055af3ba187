"""Flower as the post office: it carries opaque bytes between server and participants."""
