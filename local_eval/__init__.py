"""The judge: runs the zip as the platform does, on clean and shifted images; nothing imports it."""
