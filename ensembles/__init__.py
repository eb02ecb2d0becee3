"""Many nets to one: weights of members and views, fitted on shifted images and scored by nesting."""
