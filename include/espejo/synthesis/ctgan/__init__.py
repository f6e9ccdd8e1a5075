"""Engine ctgan: this project's own generator, trained by likelihood and against a critic."""
