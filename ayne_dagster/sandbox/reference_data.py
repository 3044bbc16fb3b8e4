"""Tables the services publish for everybody: genres, languages, countries, configuration.

Names and codes only, in the shapes of the services' documents; no film data.
"""

from __future__ import annotations

from typing import Any

GENRES: dict[int, str] = {
    28: "Action", 12: "Adventure", 16: "Animation", 35: "Comedy", 80: "Crime",
    99: "Documentary", 18: "Drama", 10751: "Family", 14: "Fantasy", 36: "History",
    27: "Horror", 10402: "Music", 9648: "Mystery", 10749: "Romance",
    878: "Science Fiction", 10770: "TV Movie", 53: "Thriller", 10752: "War", 37: "Western",
}  # fmt: skip

# Code -> (English name, own name).
LANGUAGES: dict[str, tuple[str, str]] = {
    "en": ("English", "English"), "fr": ("French", "Français"), "es": ("Spanish", "Español"),
    "de": ("German", "Deutsch"), "it": ("Italian", "Italiano"), "ja": ("Japanese", "日本語"),
    "ko": ("Korean", "한국어/조선말"), "hi": ("Hindi", "हिन्दी"), "zh": ("Mandarin", "普通话"),
    "cn": ("Cantonese", "广州话 / 廣州話"), "pt": ("Portuguese", "Português"),
    "ru": ("Russian", "Pусский"), "sv": ("Swedish", "svenska"), "da": ("Danish", "Dansk"),
    "ta": ("Tamil", "தமிழ்"), "te": ("Telugu", "తెలుగు"), "pl": ("Polish", "Polski"),
    "tr": ("Turkish", "Türkçe"), "ar": ("Arabic", "العربية"), "xx": ("No Language", "No Language"),
}  # fmt: skip

COUNTRIES: dict[str, str] = {
    "US": "United States of America", "GB": "United Kingdom", "FR": "France", "ES": "Spain",
    "DE": "Germany", "IT": "Italy", "JP": "Japan", "KR": "South Korea", "IN": "India",
    "CN": "China", "HK": "Hong Kong", "BR": "Brazil", "RU": "Russia", "SE": "Sweden",
    "DK": "Denmark", "CA": "Canada", "AU": "Australia", "PL": "Poland", "TR": "Turkey",
    "MX": "Mexico",
}  # fmt: skip

# OMDb writes two countries differently from TMDB.
OMDB_COUNTRIES: dict[str, str] = {"US": "United States"}

US_CERTIFICATIONS: tuple[str, ...] = ("R", "PG-13", "PG", "NR", "G", "NC-17")

CHANGE_KEYS: tuple[str, ...] = (
    "adult", "air_date", "also_known_as", "alternative_titles", "biography", "birthday",
    "budget", "cast", "certifications", "character_names", "created_by", "crew", "deathday",
    "episode", "episode_number", "episode_run_time", "freebase_id", "freebase_mid", "general",
    "genres", "guest_stars", "homepage", "images", "imdb_id", "languages", "name", "network",
    "origin_country", "original_name", "original_title", "overview", "parts", "place_of_birth",
    "plot_keywords", "production_code", "production_companies", "production_countries",
    "releases", "revenue", "runtime", "season", "season_number", "season_regular", "softcore",
    "spoken_languages", "status", "tagline", "title", "translations", "tvdb_id", "tvrage_id",
    "type", "video", "videos",
)  # fmt: skip

CONFIGURATION: dict[str, Any] = {
    "change_keys": list(CHANGE_KEYS),
    "images": {
        "base_url": "http://image.tmdb.org/t/p/",
        "secure_base_url": "https://image.tmdb.org/t/p/",
        "backdrop_sizes": ["w300", "w780", "w1280", "original"],
        "logo_sizes": ["w45", "w92", "w154", "w185", "w300", "w500", "original"],
        "poster_sizes": ["w92", "w154", "w185", "w342", "w500", "w780", "original"],
        "profile_sizes": ["w45", "w185", "h632", "original"],
        "still_sizes": ["w92", "w185", "w300", "original"],
    },
}


def english_language(code: str, own_name: str) -> str:
    """Return a language's English name; an unlisted language keeps its own."""
    return LANGUAGES[code][0] if code in LANGUAGES else own_name
