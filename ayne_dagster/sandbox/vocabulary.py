"""Words the generated films are made of: titles, names, companies, sentences.

Every name is made up from invented parts. Nothing here comes from a service or a real film.
"""

# ruff: noqa: SIM905 - long word lists read better as text than as quoted items.

from __future__ import annotations

ADJECTIVES: tuple[str, ...] = tuple(
    """Amber Ashen Brittle Candle Cobalt Copper Crooked Dappled Distant Drowsy Eleventh Endless
    Feathered Final Fourth Gilded Glass Granite Half-Lit Hollow Hushed Indigo Iron Ivory Lantern
    Last Linen Lopsided Marble Midwinter Mossy Narrow Ninth Nocturnal Opal Paper Patient Pewter
    Quiet Quilted Rusted Salted Scarlet Seventh Silken Sleepless Slow Smoked Splintered Stolen
    Sunken Tangled Tidal Tin Unwritten Upside Velvet Wandering Whistling Woven""".split()
)
NOUNS: tuple[str, ...] = tuple(
    """Accordion Almanac Anchorage Aqueduct Archive Atlas Barometer Bellfounder Beekeeper Bramble
    Cartographer Cello Clockmaker Compass Corridor Dovecote Elevator Estuary Ferryman Fiddle
    Foundry Gardener Gazette Glassblower Harvest Hourglass Inkwell Jetty Junction Kettle Kiln
    Labyrinth Ledger Lighthouse Lockkeeper Locomotive Mainspring Meridian Metronome Mill Miner
    Monsoon Observatory Orchard Orrery Parade Parasol Pendulum Pilgrim Planetarium Quarry Quartet
    Regatta Reservoir Sawmill Semaphore Sextant Shipwright Signal Skylark Sundial Surveyor
    Telegraph Tempest Thimble Toll Turnstile Typewriter Umbrella Vineyard Waltz Watermill
    Weathervane Windmill Xylophone Zeppelin""".split()
)
PLACES: tuple[str, ...] = tuple(
    """Abbermoor Brackenholt Calderwick Dunmarrow Eskervale Fennimoor Garrowby Hexholme Inverdell
    Jarrowfen Kestrelby Lorrimere Merrowick Nethercombe Oskerby Pellamoor Quillhaven Ravenscar
    Skelwith Tarnwick Umberley Vexmoor Wexholm Yarrowdale Zelmoor""".split()
)
FIRST_NAMES: tuple[str, ...] = tuple(
    """Abrin Adelka Alvo Anouska Arlen Basira Benno Brielle Calix Corvin Dalia Deniz Edda Elowen
    Emrik Fenna Florin Galen Greta Hollis Idris Ilka Ines Jannik Jora Kael Kestra Lazlo Liora Lune
    Maelle Marlo Mirren Nadir Nerys Odalys Orsin Paloma Perrin Quilla Rafe Renske Romilly Sabela
    Soren Tamsin Teodor Ulla Vasco Vesna Wendel Xanthe Yara Yorick Zadie Zoltan""".split()
)
LAST_NAMES: tuple[str, ...] = tuple(
    """Abelwright Amberlane Ashgrove Barrowind Bellweather Birchmoor Blackfennel Bramwick
    Calderstone Candlewood Coldharbour Copperfeld Cresswind Dawlishe Drakemoor Eastermoor
    Elderquist Fairwether Farthingale Fennimore Foxholm Galebrook Glasswell Greywater Hallowind
    Hartquist Hawksmere Hollowell Inkpen Ironbark Juniperson Kettlewick Larkwell Lindqvale
    Lockmere Marrowby Mistlethorn Moonquist Nightinghale Northwick Oakhallow Orchardson Pennyquick
    Pikestaff Quarrington Quillfeather Ravenwald Rookwood Saltmarsh Silverlake Sparrowhawke
    Stormholt Tallowby Thistledown Underhallow Vanderquill Venwick Wetherlight Whistlecroft
    Winterbourne Wrenfield Yarborough Yewdale Zephyrson""".split()
)
COMPANY_HEADS: tuple[str, ...] = tuple(
    """Amberline Bellows Brasslight Cinderpath Copperkettle Driftglass Emberfall Fernhollow
    Foglamp Glasshare Greyhound-Moon Hollowtree Inkstone Ironlantern Juniper-Gate Kitebird
    Longshadow Lowtide Mapmaker Moonquarry Nightferry Oakandiron Paperboat Quietroom Redthread
    Saltbox Seventhrow Slowtrain Tinroof Twolanterns Undertow Velvetcurtain Wayfinder
    Whistlestop Yellowdoor""".split()
)
COMPANY_TAILS: tuple[str, ...] = ("Pictures", "Films", "Studios", "Entertainment", "Productions")
PROVIDERS: tuple[str, ...] = ("Lantern+", "Reelbox", "Matinee Now", "Curtain Call")

OVERVIEW_OPENINGS: tuple[str, ...] = (
    "A {job} from {place} inherits a house nobody will sell",
    "When the last ferry to {place} does not return, a {job} goes looking for it",
    "Two sisters and a retired {job} cross the country with a stolen map",
    "In {place}, a {job} hears a voice on a disconnected telephone",
    "A young {job} wakes up one winter with somebody else's memories",
    "The {job} of {place} has kept one secret for thirty years",
    "An ambitious {job} bets everything on a single night in {place}",
    "After the flood, a {job} and a runaway child share one small boat",
)
OVERVIEW_TURNS: tuple[str, ...] = (
    "and the village begins to talk.",
    "while an old rival closes in.",
    "but the truth is stranger than the rumours.",
    "until a storm locks everybody in.",
    "and finds that the past keeps its own calendar.",
    "with three days left to put things right.",
)
OVERVIEW_ENDINGS: tuple[str, ...] = (
    "Nobody leaves unchanged.",
    "Some doors open only once.",
    "What follows is a journey of small wonders.",
    "Trust becomes the rarest thing in town.",
    "The answer lies where nobody dared to look.",
    "Every clock in town runs backwards.",
    "An unlikely friendship may save them both.",
    "The bill comes due before the morning.",
    "Only one of them knows the way home.",
    "A song from childhood holds the key.",
    "The sea gives back what it takes.",
    "It takes courage to stay.",
)
JOBS: tuple[str, ...] = tuple(
    """baker beekeeper bookbinder carpenter cartographer conductor dockworker florist forger
    gardener glazier interpreter lighthouse-keeper locksmith mechanic midwife painter pilot
    postman printer referee sculptor surveyor tailor typist violinist watchmaker""".split()
)
TAGLINES: tuple[str, ...] = (
    "Some maps lead back.",
    "The tide keeps no promises.",
    "Listen closely.",
    "One night. Two keys. No lock.",
    "Home was never on the way.",
    "Hold your breath.",
    "Every secret has a witness.",
    "It started with a whistle.",
    "They were told to wait.",
    "Nothing stays buried in winter.",
)
CHARACTERS: tuple[str, ...] = tuple(
    """Adler Bex Cass Doctor-Wren Ezra Fitch Gus Hattie Imre Jules Kit Lark Mayor-Pell Nell Otis
    Pike Quinn Rosa Sergeant-Holt Tove Uncle-Bram Vera Walt Yve Zeke""".split()
)

KEYWORDS: tuple[tuple[int, str], ...] = tuple(
    (900_000 + place, name)
    for place, name in enumerate(
        """amnesia archive beekeeping betrayal blackmail border-crossing boarding-school bridge
        carnival chess clockwork coming-of-age counterfeit desert detective double-life
        drought duel eclipse escape estranged-siblings exile fairground falconry family-secret
        farm ferry first-love flood forgery foundling ghost-town glacier harbour heist
        hidden-treasure hurricane inheritance island jazz journey lighthouse long-distance-race
        lost-letter map marriage-of-convenience mentor midwinter mine mistaken-identity monastery
        mountain music-hall night-train observatory old-friends orchestra orphan parallel-lives
        pilgrimage prison radio rebellion revenge rivalry road-trip sabotage sailing salvage
        single-parent small-town smuggling space-station storm strike submarine survival swindle
        telegraph theatre time-loop tournament trial twins underdog undercover village
        vineyard volcano wedding whistleblower wilderness witness workshop""".split()
    )
)
