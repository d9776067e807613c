//! Which commands are relations and operators.

use crate::expr::Relation;

pub(super) fn relation(name: &str) -> Option<Relation> {
    Some(match name {
        "approx" | "simeq" | "thickapprox" | "equiv" => Relation::Equal,
        "ne" | "neq" => Relation::NotEqual,
        "lt" => Relation::Less,
        "gt" => Relation::Greater,
        "le" | "leq" | "leqslant" | "leqq" => Relation::LessEqual,
        "ge" | "geq" | "geqslant" | "geqq" => Relation::GreaterEqual,
        "in" => Relation::Element,
        "notin" => Relation::Other("notin"),
        "cong" => Relation::Other("cong"),
        "sim" => Relation::Other("sim"),
        "to" | "rightarrow" | "longrightarrow" | "mapsto" => Relation::Other("to"),
        "subset" => Relation::Other("subset"),
        "subseteq" => Relation::Other("subseteq"),
        "perp" => Relation::Other("perp"),
        "parallel" => Relation::Other("parallel"),
        "propto" => Relation::Other("propto"),
        _ => return None,
    })
}

/// Whether a command stands between two expressions or closes one.
pub(super) fn is_infix(name: &str) -> bool {
    relation(name).is_some()
        || matches!(
            name,
            "cdot"
                | "times"
                | "ast"
                | "bullet"
                | "div"
                | "slash"
                | "pm"
                | "mp"
                | "cup"
                | "bigcup"
                | "cap"
                | "bigcap"
                | "setminus"
                | "backslash"
                | "smallsetminus"
                | "bmod"
                | "mod"
                | "pmod"
                | "pod"
                | "choose"
                | "implies"
                | "Rightarrow"
                | "Longrightarrow"
                | "iff"
                | "therefore"
                | "mid"
                | "and"
                | "rfloor"
                | "rceil"
                | "rangle"
                | "rvert"
                | "rVert"
                | "degree"
                | "circ"
                | "prime"
        )
}
