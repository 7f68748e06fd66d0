"""The process that imports Keras: builds, fits and measures one network after another."""
