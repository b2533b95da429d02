"""The words that the guards know. English; what is in none of these lists is compared by its letters and its vector."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATIONS = _words(
    """
    no not never none nobody nothing nowhere neither nor without cannot cant can't dont don't doesnt doesn't didnt didn't isnt isn't
    arent aren't wasnt wasn't werent weren't wont won't wouldnt wouldn't shouldnt shouldn't couldnt couldn't hasnt hasn't havent
    haven't hadnt hadn't except excluding exclude excludes excluded hardly barely lack lacks lacking
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

PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "de", "mis", "anti", "counter", "re")
"""`lock` and `unlock`: the same word with one of these is another."""

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
    also just really very some any each every per while during after before when's what's where's who's how's i'm i'd i'll i've you're
    that's there's let's
    """
)
"""Say little by themselves; the guards for negations, opposites and questions look at them first."""

FILLERS = _words(
    """
    please kindly tell give show explain describe know like want need help way ways step steps method thing things way's question
    answer me'd mean means meaning called name say get got use uses used using make makes making made able possible possibly thanks
    thank hi hello hey list advice tip tips good best right suggest recommend provide find look see words word simple simply quick
    quickly actually exactly ok okay people reason what're could'you
    """
)
"""How a question is put, not what it is about."""

QUESTIONS = _words(
    """
    who when where why
    """
)
"""Ask for things of different kinds; `what`, `which` and `how` may ask for any."""
