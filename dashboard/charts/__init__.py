"""Convert view models to ECharts options: numbers stay numbers and text is not HTML.

Colours are those of the theme that the browser shows.
"""
