"""Deals: creating, editing, moving and closing them; next steps, activities, board and my day."""
