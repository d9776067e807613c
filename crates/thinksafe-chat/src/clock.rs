//! The moment that a template sees: given by the caller, never read from the machine.

use std::fmt::Write;

/// A date and time without a time zone, as `strftime_now` shows it to templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    year: i32,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

impl DateTime {
    /// Reads `2025-01-15T12:00:00` (or the date alone, at midnight).
    ///
    /// Returns `None` if the text is not of that form or no such moment exists.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
        let [year, month, day] = numbers(date, '-')?;
        let [hour, minute, second] = numbers(time.split('.').next()?, ':')?;
        let valid = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        valid.then_some(Self {
            year: year as i32,
            month: month as u8,
            day: day as u8,
            hour: hour as u8,
            minute: minute as u8,
            second: second as u8,
        })
    }

    /// Formats like C's `strftime` in the C locale; an unknown directive is written as it stands.
    pub fn strftime(&self, format: &str) -> String {
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut rest = chars.clone();
            let unpadded = rest.next() == Some('-');
            if unpadded {
                chars = rest;
            }
            match chars.next() {
                Some(directive) => self.directive(&mut out, directive, unpadded),
                None => out.push('%'),
            }
        }
        out
    }

    fn directive(&self, out: &mut String, directive: char, unpadded: bool) {
        let mut number = |value: u32, width: usize| {
            let width = if unpadded { 0 } else { width };
            let _ = write!(out, "{value:0width$}");
        };
        let hour12 = match self.hour % 12 {
            0 => 12,
            hour => hour,
        };
        match directive {
            'Y' => number(self.year as u32, 4),
            'y' => number(self.year as u32 % 100, 2),
            'm' => number(self.month.into(), 2),
            'd' => number(self.day.into(), 2),
            'H' => number(self.hour.into(), 2),
            'I' => number(hour12.into(), 2),
            'M' => number(self.minute.into(), 2),
            'S' => number(self.second.into(), 2),
            'j' => number(self.day_of_year(), 3),
            'e' => {
                let _ = write!(out, "{:2}", self.day);
            }
            'f' => out.push_str("000000"),
            'w' => number(self.weekday() as u32, 1),
            'B' => out.push_str(MONTHS[self.month as usize - 1]),
            'b' | 'h' => out.push_str(&MONTHS[self.month as usize - 1][..3]),
            'A' => out.push_str(WEEKDAYS[self.weekday()]),
            'a' => out.push_str(&WEEKDAYS[self.weekday()][..3]),
            'p' => out.push_str(if self.hour < 12 { "AM" } else { "PM" }),
            'F' => out.push_str(&self.strftime("%Y-%m-%d")),
            'D' | 'x' => out.push_str(&self.strftime("%m/%d/%y")),
            'T' | 'X' => out.push_str(&self.strftime("%H:%M:%S")),
            'R' => out.push_str(&self.strftime("%H:%M")),
            'c' => out.push_str(&self.strftime("%a %b %e %H:%M:%S %Y")),
            'z' | 'Z' => {}
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '%' => out.push('%'),
            other => out.extend(['%', other]),
        }
    }

    fn day_of_year(&self) -> u32 {
        let before = (1..u32::from(self.month)).map(|m| days_in_month(self.year as u32, m));
        before.sum::<u32>() + u32::from(self.day)
    }

    /// Days since Sunday.
    fn weekday(&self) -> usize {
        let years = self.year as u32 - 1;
        // 1 January of year 1 of the proleptic Gregorian calendar was a Monday.
        ((years * 365 + years / 4 - years / 100 + years / 400 + self.day_of_year()) % 7) as usize
    }
}

impl std::fmt::Display for DateTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

fn numbers(text: &str, separator: char) -> Option<[u32; 3]> {
    let digits = |part: &str| {
        let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse().ok()).flatten()
    };
    let parts: Vec<u32> = text.split(separator).map(digits).collect::<Option<_>>()?;
    parts.try_into().ok()
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_c_does() {
        // Expected values from Python's datetime.strftime in the C locale.
        let cases = [
            ("2025-01-15T12:00:00", "%d %b %Y", "15 Jan 2025"),
            ("2024-02-29T00:05:09", "%A %-d %B %y %j", "Thursday 29 February 24 060"),
            ("1999-12-31T23:59:58", "%a %I:%M:%S %p %% %w", "Fri 11:59:58 PM % 5"),
            ("2000-03-01T00:00:00", "%F %T %I%p %e", "2000-03-01 00:00:00 12AM  1"),
        ];
        for (now, format, expected) in cases {
            assert_eq!(DateTime::parse(now).unwrap().strftime(format), expected);
        }
    }

    #[test]
    fn refuses_moments_that_do_not_exist() {
        for text in ["", "2025-02-29", "2025-13-01", "2025-1", "2025-01-01T24:00:00", "+025-01-01"]
        {
            assert_eq!(DateTime::parse(text), None, "{text}");
        }
    }
}
