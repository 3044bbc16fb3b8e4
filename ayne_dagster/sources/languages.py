"""The original languages TMDB knows: ISO 639-1, and TMDB's own `xx` (none), `cn`, `mo` and `sh`.

Lives here: the list by which a single day too large for discover is split. Nothing else.
"""

_CODES = (
    "en xx fr es de ja pt zh it ru ko hi cn ar nl sv pl tr cs da fi el hu fa th id tl he no uk "
    "ta te ml bn kn mr ro vi bg sr hr sk sl et lv lt is ka hy az kk uz mn ur pa gu ms eu ca gl "
    "sq mk bs be cy ga gd la eo lb mt sw am ha yo ig zu xh af so rw ln wo ff sn st tn ts ss ve "
    "nr mg ne si my km lo bo dz ky tg tk tt ug ks sd or as sa ps ku cv ba os ce av ab kv ie ia "
    "io vo jv su sg mh mi sm to ty fj ho na ch bi bm ee tw ak lg rn ny ki kg kj ng hz lu kw br "
    "co oc an sc rm fo fy li wa se nn nb nv cr oj iu ik kl ay qu gn ht gv aa om ti dv ii za mo "
    "sh cu pi ae kr nd yi"
)
TMDB_LANGUAGES: tuple[str, ...] = tuple(_CODES.split())
