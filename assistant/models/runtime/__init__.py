"""What every model needs of the machine: device, precision, memory, batches, locks."""
