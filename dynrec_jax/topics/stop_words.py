"""English words too common to tell topics apart, and Twitter's own marks."""

_WORDS = """
a about above actually after again against ain't all almost already also am an
and another any anybody anymore anyone anything anyway are aren't around as at
away back be became because become been before being below between both but by
came can can't cannot come comes coming could couldn't did didn't do does
doesn't doing don't done down during each either else enough etc even ever
every everybody everyone everything few for from further gave get gets getting
give gives go goes going gone gonna got gotta had hadn't has hasn't have
haven't having he he'd he'll he's her here here's hers herself hey him himself
his how how's however i i'd i'll i'm i've if im in into is isn't it it'd it'll
it's its itself just keep kind know knew last least less let let's like lot
made make makes making many may maybe me mean might more most much must mustn't
my myself need never next no nobody none nor not nothing now of off oh ok okay
on once one ones only onto or other others ought our ours ourselves out over
own part per perhaps please put quite rather really said same say saying says
see seem seems seen shall shan't she she'd she'll she's should shouldn't since
so some somebody someone something sometimes soon still such sure take taken
takes taking than that that'd that'll that's the their theirs them themselves
then there there's therefore these they they'd they'll they're they've thing
things think this those though through thus til till to too took toward tried
try trying two under until unless up upon us use used using very via wanna want
wanted wants was wasn't way we we'd we'll we're we've well went were weren't
what what's whatever when when's where where's whether which while who who'd
who'll who's whom whose why why's will with within without won't would wouldn't
yeah yep yes yet you you'd you'll you're you've your yours yourself yourselves
amp cant couldnt didnt doesnt dont hasnt havent ive isnt lol omg rt shouldnt
thats theyre wasnt wont wouldnt youre
"""

ENGLISH = frozenset(_WORDS.split())
