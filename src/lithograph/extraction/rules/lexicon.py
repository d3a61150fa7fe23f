"""The built-in words: what English says about kinds of things whatever the ontology. An ontology's own labels come
first.
"""

TITLES = frozenset(
    "mr mrs ms miss dr prof professor sir lord lady dame captain capt colonel col general gen major lieutenant lt "
    "sergeant president senator judge justice king queen prince princess emperor pope saint reverend rev admiral "
    "commander".split()
)  # fmt: skip
"""Words before a person's name, in lower case and without a full stop."""

ABBREVIATIONS = TITLES | frozenset("st no co ltd inc corp bros jr sr vs v mt ft".split())
"""Words whose full stop ends no name."""

LEGAL = frozenset("inc ltd llc plc corp corporation company co gmbh ag sa bv nv sons bros group holdings".split())
"""Last words of a firm's name."""

CONNECTORS = frozenset("of the de la le du des der van von den di da del y & v. for and".split())
"""Words in lower case that may stand inside a name, between capitalised ones."""

NOT_NAMES = frozenset(
    "a about above after all although among an and another any are as asked at be because before but by can could "
    "despite did do does during each either every few first following for four from had has have he her here his "
    "how however i if in into is it its last later like many most mr much my near neither no nobody none nor not "
    "nothing now of on once one only or other others our out over quite she since so some soon still strangers "
    "such ten than that the their them then there these they this those though three through thus to today "
    "together two under until up upon was we were what when where whether which while who whose why will with "
    "within without would yes yet you your both several".split()
)  # fmt: skip
"""Words that begin a sentence with a capital letter and are no name by themselves."""

MONTHS = {
    month: index + 1
    for index, month in enumerate(
        ("january", "february", "march", "april", "may", "june",
         "july", "august", "september", "october", "november", "december")
    )
}  # fmt: skip

PRONOUNS = frozenset(("he", "she", "it", "they"))

CONCEPTS: dict[str, tuple[str, ...]] = {
    "person": ("person", "human", "people", "agent"),
    "company": ("company", "business", "corporation", "organization", "organisation", "agent"),
    "organization": ("organization", "organisation", "company", "agent"),
    "place": ("place", "location", "geographical feature", "city", "settlement", "country"),
    "work": ("work", "creative work", "written work", "book", "film", "miscellaneous", "thing"),
    "time": ("time", "date"),
    "number": ("number", "quantity"),
    "other": ("miscellaneous", "thing"),
}
"""What a class for a concept is called, the best name first."""

KIND_WORDS: dict[str, frozenset[str]] = {
    "organization": frozenset(
        "university college school academy institute society association council committee ministry department office "
        "agency bank museum party club team league union army navy church hospital court parliament congress "
        "orchestra foundation commission federation library board band".split()
    ),
    "company": frozenset("press works mills brewery airlines airways railway railroad records studios motors".split()),
    "place": frozenset(
        "river lake mountain mount island islands bay gulf sea ocean street road avenue park city town village county "
        "district province state kingdom republic valley bridge airport station palace castle cape sound strait "
        "hill".split()
    ),
    "work": frozenset(
        "atlas chart plan map novel symphony album book film catalogue directions times observer".split()
    ),
}
"""Last or first words of names, and what such a name is."""

PLACE_PREPOSITIONS = frozenset("in at near from to around across outside into through".split())

CUES: dict[str, tuple[str, ...]] = {
    "birthplace": ("born in", "born at", "was born in"),
    "placeofbirth": ("born in", "born at", "was born in"),
    "birthdate": ("born on", "born", "was born on"),
    "dateofbirth": ("born on", "born", "was born on"),
    "birthyear": ("born in", "born"),
    "deathplace": ("died in", "died at"),
    "placeofdeath": ("died in", "died at"),
    "deathdate": ("died on", "died"),
    "dateofdeath": ("died on", "died"),
    "spouse": ("married", "husband of", "wife of"),
    "child": ("father of", "mother of", "<son of", "<daughter of"),
    "father": ("son of", "daughter of", "<father of"),
    "mother": ("<mother of",),
    "sibling": ("brother of", "sister of"),
    "author": ("written by", "by author", "<wrote", "<is the author of"),
    "writer": ("written by", "<wrote"),
    "creator": ("created by", "<created"),
    "director": ("directed by", "<directed"),
    "producer": ("produced by", "<produced"),
    "composer": ("composed by", "music by", "<composed"),
    "performer": ("performed by", "recorded by", "sung by", "<performed", "<recorded"),
    "publisher": ("published by", "<published"),
    "manufacturer": ("manufactured by", "made by", "built by", "<manufactured"),
    "developer": ("developed by", "<developed"),
    "operator": ("operated by", "run by", "<operates"),
    "owner": ("owned by", "<owns"),
    "ownedby": ("owned by", "<owns"),
    "foundedby": ("founded by", "established by", "<founded", "<established"),
    "founder": ("founded by", "established by", "<founded"),
    "foundingdate": ("founded in", "founded on", "established in"),
    "foundingyear": ("founded in", "established in"),
    "inception": ("founded in", "established in", "formed in", "created in"),
    "foundationplace": ("founded in",),
    "employer": ("worked for", "works for", "employed by", "<employed"),
    "almamater": ("graduated from", "studied at", "educated at", "attended"),
    "educatedat": ("graduated from", "studied at", "educated at", "attended"),
    "occupation": ("worked as",),
    "residence": ("lives in", "lived in", "resides in"),
    "headquarter": ("headquartered in", "based in"),
    "headquarterslocation": ("headquartered in", "based in"),
    "location": ("located in", "situated in", "is in", "based in", "in"),
    "country": ("located in", "is in", "in"),
    "city": ("located in", "in"),
    "ispartof": ("part of",),
    "partof": ("part of",),
    "capital": ("whose capital is", "<capital of"),
    "leader": ("led by", "<leader of"),
    "keyperson": ("led by", "<head of", "<director of"),
    "president": ("<president of",),
    "genre": ("genre",),
    "castmember": ("starring", "stars", "starred", "<starred in", "<appears in"),
    "starring": ("starring", "stars", "<starred in"),
    "publicationdate": ("published in", "published on", "released in", "released on"),
    "releasedate": ("released in", "released on"),
    "awardreceived": ("won", "received", "awarded"),
    "award": ("won", "received", "awarded"),
    "nominatedfor": ("nominated for",),
    "league": ("play in", "plays in", "compete in", "competes in"),
    "club": ("plays for", "played for", "play for"),
    "memberofsportsteam": ("plays for", "played for"),
    "recordlabel": ("signed to", "signed with", "released on"),
    "language": ("spoken in", "language"),
    "follows": ("sequel to", "preceded by"),
    "followedby": ("followed by",),
    "subsidiary": ("<subsidiary of",),
    "parentcompany": ("subsidiary of", "owned by"),
    "mission": ("crew member of", "flew on", "part of"),
    "crewmembers": ("crewed by", "<crew member of"),
    "nationality": ("citizen of",),
    "countryofcitizenship": ("citizen of",),
    "religion": ("religion",),
}
"""Phrases that state a property, by its label without spaces in lower case; `<` marks one that has its ends exchanged.
"""
