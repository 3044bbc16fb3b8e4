"""A local stand-in that answers like TMDB, OMDb, TMDB's bulk exports and IMDb's files.

Here live the app, its catalogues, its clock and its limits. Nothing here imports another
room of the project: a stand-in that shared code with the client would share its mistakes.
"""
