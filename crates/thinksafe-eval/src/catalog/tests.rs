//! The specs that come with the crate.

use super::*;
use crate::score::Aspect;

#[test]
fn every_spec_is_valid_and_called_as_its_file() {
    let specs = all().unwrap();
    assert_eq!(specs.iter().map(|s| &*s.name).collect::<Vec<_>>(), names().collect::<Vec<_>>());
    for spec in specs {
        assert!(!spec.about.is_empty() && !spec.source.is_empty(), "{}", spec.name);
        assert!(!spec.licence.is_empty() && spec.expect.rows.is_some(), "{}", spec.name);
        spec.settings.sampling.validate().unwrap();
        let again: Spec = toml::from_str(&toml::to_string(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
    }
}

#[test]
fn the_paper_asks_reasoning_eight_times_and_safety_once() {
    for spec in all().unwrap() {
        let asked = (spec.settings.samples, spec.settings.sampling.max_new_tokens);
        let expected = if spec.aspect == Aspect::Reasoning { (8, 32_768) } else { (1, 16_384) };
        assert_eq!(asked, expected, "{}", spec.name);
        assert_eq!(spec.prompt.is_some(), spec.aspect == Aspect::Reasoning, "{}", spec.name);
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = find("harmbenhc").unwrap_err().to_string();
    assert!(error.contains("`harmbenhc`") && error.contains("harmbench-602"), "{error}");
}
