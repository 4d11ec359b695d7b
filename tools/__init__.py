"""What tests, measurements and pictures share: the app at work, the machine, checks of figures."""
