"""The engine process: schedule, budget, states, samples -> cells -> messages."""
