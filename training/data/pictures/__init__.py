"""Picture files of any origin to one image set: listed, looked at, decoded, and every oddity told."""
