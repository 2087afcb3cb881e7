"""Does a list keep its promise? Generated towns, hot days whose truth is drawn apart from the product's own model."""
