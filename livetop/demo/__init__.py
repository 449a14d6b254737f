"""An order-processing service to look at with livetop: every kind of time there is, in one process."""
