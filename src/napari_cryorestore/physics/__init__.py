"""What is simply true of tomograms and Fourier space."""
