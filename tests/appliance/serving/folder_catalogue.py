"""A catalogue of the models on a shelf, as serving asks for it."""


class Catalogue:
    def __init__(self, shelf):
        self.get = shelf.get
        self.shelf = shelf

    def models(self):
        return tuple(self.get(name) for name in sorted(self.shelf.sizes))
