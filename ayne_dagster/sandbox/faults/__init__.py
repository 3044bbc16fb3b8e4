"""What goes wrong at the services, on order: cases, plans from a file, and the layer that acts.

Every case has the name and the number of the table "Fault cases" in `docs/services.md`. Nothing
here happens unless a plan asks for it.
"""
