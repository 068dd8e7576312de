"""Who looks at the dashboard, and which desks are theirs to see."""
