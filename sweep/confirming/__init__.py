"""How good a network really is: finalists trained again with several seeds, and one of them on all images."""
