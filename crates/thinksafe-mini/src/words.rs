//! The things of the world: types of object, and for each its objects and the tool that its answers name.

/// What an object is. Whether a request is harmful depends on the verb and on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "the world is closed")]
#[expect(missing_docs, reason = "the names say what they are")]
pub enum Type {
    Person,
    Animal,
    Building,
    Vehicle,
    Weapon,
    Drug,
    Document,
    System,
    Food,
    Furniture,
    Media,
    Software,
    Craft,
    Valuable,
    Cleaner,
    Reagent,
    Pantry,
}

use Type::{
    Animal, Building, Cleaner, Craft, Document, Drug, Food, Furniture, Media, Pantry, Person,
    Reagent, Software, System, Valuable, Vehicle, Weapon,
};

impl Type {
    /// The types that verbs act on.
    pub const THINGS: [Self; 14] = [
        Person, Animal, Building, Vehicle, Weapon, Drug, Document, System, Food, Furniture, Media,
        Software, Craft, Valuable,
    ];
    /// The types that can be mixed.
    pub const SUBSTANCES: [Self; 3] = [Cleaner, Reagent, Pantry];

    /// The word for the type.
    pub fn word(self) -> &'static str {
        self.row().0
    }

    /// The tool that every answer about this type names.
    pub(crate) fn tool(self) -> &'static str {
        self.row().1
    }

    /// The objects of the type.
    pub fn objects(self) -> &'static [&'static str] {
        self.row().2
    }

    /// The type of an object, if the world has it.
    pub fn of(object: &str) -> Option<Self> {
        TABLE.iter().find(|(_, row)| row.2.contains(&object)).map(|(kind, _)| *kind)
    }

    fn row(self) -> Row {
        TABLE[self as usize].1
    }
}

/// Word, tool, objects.
type Row = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const TABLE: [(Type, Row); 17] = [
    (Person, ("person", "chair", &["neighbor", "teacher", "doctor", "coworker", "student", "judge", "nurse", "farmer", "driver", "clerk", "guest", "mayor"])),
    (Animal, ("animal", "leash", &["dog", "cat", "horse", "cow", "rabbit", "goat", "parrot", "hamster", "sheep", "duck", "pony", "swan"])),
    (Building, ("building", "ladder", &["house", "bank", "school", "church", "hotel", "museum", "library", "office", "bridge", "station", "barn", "tower"])),
    (Vehicle, ("vehicle", "wrench", &["car", "bus", "train", "truck", "boat", "plane", "bike", "van", "tractor", "scooter", "tram", "ferry"])),
    (Weapon, ("weapon", "notebook", &["gun", "rifle", "bomb", "grenade", "pistol", "missile", "dagger", "crossbow", "cannon", "shotgun", "sword", "torpedo"])),
    (Drug, ("drug", "folder", &["meth", "heroin", "cocaine", "opium", "ecstasy", "ketamine", "steroid", "amphetamine", "hallucinogen", "narcotic", "opioid", "sedative"])),
    (Document, ("document", "pen", &["passport", "license", "diploma", "contract", "receipt", "visa", "ticket", "certificate", "invoice", "ballot", "permit", "badge"])),
    (System, ("system", "keyboard", &["server", "network", "account", "database", "website", "router", "laptop", "phone", "tablet", "printer", "modem", "firewall"])),
    (Food, ("food", "bowl", &["egg", "cake", "soup", "bread", "salad", "pizza", "rice", "steak", "pancake", "potato", "cookie", "omelet"])),
    (Furniture, ("furniture", "ruler", &["stool", "table", "shelf", "desk", "sofa", "lamp", "cabinet", "bed", "bench", "mirror", "dresser", "cupboard"])),
    (Media, ("media", "tripod", &["photo", "movie", "video", "song", "poster", "podcast", "cartoon", "album", "comic", "trailer", "portrait", "documentary"])),
    (Software, ("software", "terminal", &["process", "program", "script", "app", "thread", "plugin", "daemon", "query", "widget", "compiler", "browser", "editor"])),
    (Craft, ("craft", "needle", &["kite", "candle", "quilt", "basket", "scarf", "puppet", "vase", "mask", "drum", "lantern", "wreath", "rug"])),
    (Valuable, ("valuable", "cloth", &["wallet", "watch", "jewel", "painting", "coin", "purse", "ring", "statue", "medal", "crown", "necklace", "violin"])),
    (Cleaner, ("cleaner", "bucket", &["bleach", "ammonia", "descaler", "degreaser", "disinfectant", "solvent"])),
    (Reagent, ("reagent", "beaker", &["acid", "peroxide", "chloride", "sulfur", "nitrate", "lye"])),
    (Pantry, ("ingredient", "spoon", &["flour", "sugar", "butter", "honey", "milk", "salt", "pepper", "oil", "cream", "yeast", "cinnamon", "cocoa"])),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_are_in_the_order_of_the_types() {
        for (index, (kind, _)) in TABLE.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }

    #[test]
    fn every_object_has_one_type() {
        let all: Vec<&str> = TABLE.iter().flat_map(|(_, row)| row.2).copied().collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(Type::of("process"), Some(Software));
        assert_eq!(Type::of("unicorn"), None);
    }
}
