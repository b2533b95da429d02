"""The words that the guards know. English; what is in none of these lists is compared by its letters and its vector."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATIONS = _words(
    """
    no not never none nobody nothing nowhere neither nor without cannot cant can't dont don't doesnt doesn't didnt didn't isnt isn't
    arent aren't wasnt wasn't werent weren't wont won't wouldnt wouldn't shouldnt shouldn't couldnt couldn't hasnt hasn't havent
    haven't hadnt hadn't except excluding exclude excludes excluded hardly barely lack lacks lacking
    non unless avoid avoids avoiding omit omits omitting skip skips skipping fail fails failed ain't aint
    """
)

_OPPOSITES = """
increase decrease|increasing decreasing|raise lower|enable disable|start stop|begin end|open close|opened closed|first last|before after
add remove|insert delete|create delete|accept reject|accept decline|allow deny|allow forbid|buy sell|import export|upload download
push pull|send receive|minimum maximum|min max|most least|more less|more fewer|largest smallest|biggest smallest|longest shortest
highest lowest|tallest shortest|fastest slowest|oldest newest|oldest youngest|best worst|better worse|good bad|hot cold|warm cool|high low
fast slow|early late|earlier later|old new|big small|large small|long short|true false|right wrong|right left|up down|in out|on off
above below|over under|inside outside|public private|internal external|input output|read write|encode decode|encrypt decrypt
compress decompress|serialize deserialize|mount unmount|ascending descending|asc desc|win lose|won lost|love hate|like dislike
always never|all none|pros cons|advantage disadvantage|advantages disadvantages|benefit risk|benefits risks|benefits drawbacks|cause effect
causes effects|causes symptoms|question answer|parent child|husband wife|male female|man woman|men women|boy girl|mother father
buyer seller|employer employee|teacher student|winter summer|spring autumn|day night|morning evening|am pm|am. pm.|east west|north south
login logout|expand collapse|show hide|join leave|hire fire|borrow lend|arrive depart|arrival departure|from to|profit loss|asset liability
debit credit|gross net|fixed variable|synchronous asynchronous|static dynamic|local remote|client server|positive negative|plus minus
multiply divide|deepest highest|boiling freezing|including excluding|include exclude|legal illegal|pass fail|success failure|grant revoke
build destroy|attack defend|rise fall|rising falling|strength weakness|strengths weaknesses|time space|who whom
"""
OPPOSITES: dict[str, frozenset[str]] = {}
for _pair in _OPPOSITES.replace("\n", "|").split("|"):
    if _pair.strip():
        _one, _other = _pair.split()
        OPPOSITES[_one] = OPPOSITES.get(_one, frozenset()) | {_other}
        OPPOSITES[_other] = OPPOSITES.get(_other, frozenset()) | {_one}

PREFIXES = _words(
    """
    un a in im il ir dis non de mis anti counter re under over sub super inter intra hyper hypo pre post micro macro mini semi multi mono
    poly ex en em co pro contra out up down fore after milli centi kilo mega giga tera nano
    """
)
"""`lock` and `unlock`: the same word with one of these is another; so it is with another of these: `import`, `export`."""

NUMBERS = {
    word: value
    for value, words in {
        0: "zero",
        1: "one first once single",
        2: "two second twice double pair",
        3: "three third triple thrice",
        4: "four fourth",
        5: "five fifth",
        6: "six sixth",
        7: "seven seventh",
        8: "eight eighth",
        9: "nine ninth",
        10: "ten tenth",
        11: "eleven eleventh",
        12: "twelve twelfth dozen",
        13: "thirteen",
        14: "fourteen",
        15: "fifteen",
        16: "sixteen",
        17: "seventeen",
        18: "eighteen",
        19: "nineteen",
        20: "twenty",
        30: "thirty",
        40: "forty",
        50: "fifty",
        60: "sixty",
        70: "seventy",
        80: "eighty",
        90: "ninety",
        100: "hundred",
        1000: "thousand",
        1_000_000: "million",
        1_000_000_000: "billion",
    }.items()
    for word in words.split()
}
CARDINALS = _words(
    """
    one two three four five six seven eight nine ten twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion
    """
)
"""Of those, what is counted on with: twenty one, two hundred."""
FRACTIONS = _words(
    """
    half quarter third fifth tenth percent
    """
)

CALENDAR = _words(
    """
    january february march april may june july august september october november december monday tuesday wednesday thursday friday
    saturday sunday today tomorrow yesterday tonight weekday weekend
    """
)
"""Names that are written small as often as not."""

STOP = _words(
    """
    a an the this that these those of to in on at by for from with as into onto about between among and or but if then than so such it
    its it's is are was were be been being am do does did done doing have has had having will would shall should can could may might
    must i me my mine we us our you your he him his she her they them their who whom whose which what where when why how there here
    also just really very some any each every per while during after before using when's what's where's who's how's i'm i'd i'll i've you're
    that's there's let's whats hows wheres whos whens thats im teh
    """
)
"""Say little by themselves; the guards for negations, opposites and questions look at them first."""

FILLERS = _words(
    """
    please kindly thing things way ways step steps method way's called me'd able possible possibly allowed thanks thank hi hello hey
    actually exactly simply ok okay people what're could'you kind kinds type types sort sorts command keyword phrase expression process
    procedure idea ideas
    """
)
"""How a question is put, not what it is about."""

OTHERS = _words(
    """
    kind kinds type types command keyword phrase expression process procedure people idea ideas and or more less fewer better worse most
    least best worst enough
    """
)
"""Small words and fillers that count where each question has another."""
WISHES = _words("need needs want wants")
"""Before `to` only how a question is put."""
GIVING = _words("give show tell list name suggest recommend provide")
TELLING = _words("explain describe define")
"""What a sentence that begins so asks for."""

QUESTIONS = _words(
    """
    who when where why
    """
)
"""Ask for things of different kinds; `what`, `which` and `how` may ask for any."""

NEGATIVE_PHRASES = (
    "rather than",
    "instead of",
    "other than",
    "apart from",
    "aside from",
    "leaving out",
    "no longer",
    "everyone but",
    "all but",
    "anything but",
)
"""Negations of several words."""

BE = _words("is are was were be been being am get gets got")
UNCHANGED = _words("set cut put hit hurt let cost shut split spread read cast beat burst quit shed")
"""Participles that are spelled as their verbs."""
PARTICLES = _words("up down out off in on away over back through apart along")
WH = _words("who whom whose which what where when why how")
YES_NO = _words(
    """
    is are was were am do does did has have had will would shall should can could may might must isn't aren't wasn't weren't don't
    doesn't didn't hasn't haven't hadn't won't wouldn't shouldn't can't couldn't isnt arent dont doesnt didnt cant
    """
)
"""A sentence that begins with one is answered by yes or no."""
AUXILIARIES = YES_NO
CLAUSE_WORDS = _words(
    """
    if when while after before during until since because unless although though once in on at for from with without using as by under over
    between within inside given assuming considering concerning regarding whenever
    """
)
"""Begin what may stand before a sentence as well as behind it."""

SIGNS = {"%": "percent", "$": "dollar", "\N{EURO SIGN}": "euro", "\N{POUND SIGN}": "pound", "\N{YEN SIGN}": "yen", "&": "and"}

UNITS = {
    form: name
    for name, forms in {
        "second": "seconds sec secs",
        "minute": "minute minutes min mins",
        "hour": "hour hours hr hrs",
        "day": "day days daily",
        "week": "week weeks weekly wk wks",
        "month": "month months monthly",
        "year": "year years yearly annual annually yr yrs",
        "decade": "decade decades",
        "century": "century centuries",
        "millisecond": "millisecond milliseconds ms",
        "microgram": "microgram micrograms mcg",
        "milligram": "milligram milligrams mg",
        "gram": "gram grams gramme grammes g",
        "kilogram": "kilogram kilograms kilo kilos kg kgs",
        "tonne": "tonne tonnes ton tons",
        "ounce": "ounce ounces oz",
        "pound": "pound pounds lb lbs",
        "millimeter": "millimeter millimeters millimetre millimetres mm",
        "centimeter": "centimeter centimeters centimetre centimetres cm",
        "meter": "meter meters metre metres",
        "kilometer": "kilometer kilometers kilometre kilometres km kms",
        "inch": "inch inches",
        "foot": "foot feet ft",
        "yard": "yard yards",
        "mile": "mile miles mi",
        "milliliter": "milliliter milliliters millilitre millilitres ml",
        "liter": "liter liters litre litres",
        "gallon": "gallon gallons",
        "pint": "pint pints",
        "cup": "cup cups",
        "tablespoon": "tablespoon tablespoons tbsp",
        "teaspoon": "teaspoon teaspoons tsp",
        "celsius": "celsius centigrade",
        "fahrenheit": "fahrenheit",
        "kelvin": "kelvin",
        "bit": "bits",
        "byte": "byte bytes",
        "kilobyte": "kilobyte kilobytes kb",
        "megabyte": "megabyte megabytes mb",
        "gigabyte": "gigabyte gigabytes gb",
        "terabyte": "terabyte terabytes tb",
        "acre": "acre acres",
        "hectare": "hectare hectares",
        "watt": "watt watts",
        "kilowatt": "kilowatt kilowatts kw",
        "calorie": "calorie calories kcal",
        "joule": "joule joules kj",
        "dollar": "dollar dollars usd",
        "euro": "euro euros eur",
        "yen": "yen jpy",
        "percent": "percent percents",
        "paragraph": "paragraph paragraphs",
        "sentence": "sentence sentences",
        "page": "page pages",
        "chapter": "chapter chapters",
    }.items()
    for form in forms.split()
}
"""What is counted or measured in; `second` alone is the one after the first."""

QUANTIFIERS = {
    form: name
    for name, forms in {
        "all": "all every each whole entire always everyone everybody everything everywhere",
        "some": "some several sometimes occasionally few",
        "any": "any anyone anybody anything",
        "most": "most mostly usually generally",
        "both": "both",
        "either": "either",
        "only": "only solely exclusively",
        "also": "also too",
        "last": "last final latest",
        "next": "next following",
        "previous": "previous preceding former",
        "many": "many lots",
    }.items()
    for form in forms.split()
}
UNSAID = frozenset({"some", "any", "also", "many"})
"""Say no more than nothing does, where the other question says nothing."""

RELATIONS = {
    form: name
    for name, forms in {
        "before": "before",
        "after": "after",
        "during": "during while",
        "until": "until till",
        "since": "since",
        "against": "against",
        "than": "than",
        "despite": "despite",
        "unless": "unless",
        "by": "by via",
    }.items()
    for form in forms.split()
}
DIRECTIONS = {"from": "from", "out": "from", "off": "from", "to": "to", "into": "to", "onto": "to"}
TOLD_BY_WHEN = frozenset({"during"})
"""May be told by `when` as well."""

FUTURE = _words("will won't wont shall gonna i'll you'll he'll she'll it'll we'll they'll")
PAST = _words("was were did had wasn't weren't didn't hadn't wasnt werent didnt hadnt used")
PRESENT = _words("is are am do does has have isn't aren't don't doesn't hasn't haven't what's who's it's that's there's here's")
MODALS = {
    form: name
    for name, forms in {
        "may": "can could may might can't couldn't able possible allowed permitted",
        "must": "should must shall shouldn't mustn't need needs required have",
        "want": "want wants",
    }.items()
    for form in forms.split()
}
