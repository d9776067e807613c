//! Values of expressions at points: variables get numbers that depend on their name and on a seed alone.

use num_complex::Complex64;
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::budget::Budget;
use crate::exact;
use crate::expr::{Constant, Expr};
use crate::number;

/// Where variables are replaced by numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    seed: u64,
}

impl Point {
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        Self { seed: mix(seed ^ mix(index)) }
    }

    /// A number from -3 to 3, away from zero.
    fn variable(self, name: &str) -> f64 {
        let unit = self.unit(name, 0);
        let magnitude = 0.3 + 2.7 * (unit * 2.0).fract();
        if unit < 0.5 { magnitude } else { -magnitude }
    }

    /// A number from 0 to 1 for a name.
    fn unit(self, name: &str, salt: u64) -> f64 {
        let mut hash = mix(self.seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for byte in name.bytes() {
            hash = mix(hash ^ u64::from(byte));
        }
        (hash >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A function of which only the name is known: smooth, so that rounding of arguments does not matter.
    fn unknown(self, name: &str, arguments: &[Complex64]) -> Complex64 {
        let mut value = Complex64::from(self.unit(name, 1));
        for (at, argument) in arguments.iter().enumerate() {
            let salt = 2 + 3 * at as u64;
            let (weight, frequency, phase) =
                (self.unit(name, salt), self.unit(name, salt + 1), self.unit(name, salt + 2));
            let angle = frequency * argument.re + phase * argument.im + 6.0 * phase;
            value += Complex64::from((0.5 + weight) * angle.sin());
        }
        value
    }
}

/// SplitMix64's finalizer.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The value at a point; `None` where there is none, where it is not finite, or when the budget ends.
pub(crate) fn value(expr: &Expr, point: Point, budget: &mut Budget) -> Option<Complex64> {
    budget.spend(4).ok()?;
    let value = match expr {
        Expr::Number(n) | Expr::Decimal(n) => number::to_f64(n).into(),
        Expr::Symbol(name) => point.variable(name).into(),
        Expr::Constant(Constant::Pi) => std::f64::consts::PI.into(),
        Expr::Constant(Constant::E) => std::f64::consts::E.into(),
        Expr::Constant(Constant::I) => Complex64::i(),
        Expr::Percent(inner) => value(inner, point, budget)? / 100.0,
        Expr::Sum(terms) => {
            let mut sum = Complex64::zero();
            for term in terms {
                sum += value(term, point, budget)?;
            }
            sum
        }
        Expr::Product(factors) => {
            let mut product = Complex64::one();
            for factor in factors {
                product *= value(factor, point, budget)?;
            }
            product
        }
        Expr::Power(base, exponent) => power(base, exponent, point, budget)?,
        Expr::Call(name, arguments) => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                values.push(opaque(argument, point, budget)?);
            }
            known(name, &values).unwrap_or_else(|| point.unknown(name, &values))
        }
        _ => return None,
    };
    (value.re.is_finite() && value.im.is_finite()).then_some(value)
}

/// Arguments of functions may be structures, such as the limits of a sum.
fn opaque(expr: &Expr, point: Point, budget: &mut Budget) -> Option<Complex64> {
    match expr {
        Expr::Relation(parts, relations) => {
            let name = format!("{relations:?}");
            structure(&name, parts, point, budget)
        }
        Expr::Items(brackets, parts) => structure(&format!("{brackets:?}"), parts, point, budget),
        Expr::Matrix(rows) => {
            let parts: Vec<Expr> = rows.iter().flatten().cloned().collect();
            structure("matrix", &parts, point, budget)
        }
        Expr::Constant(constant @ (Constant::Infinity | Constant::Empty | Constant::Reals)) => {
            Some(point.unknown(&format!("{constant:?}"), &[]))
        }
        Expr::Product(parts) if parts.contains(&Expr::Constant(Constant::Infinity)) => {
            structure("infinity", parts, point, budget)
        }
        Expr::Text(words) => Some(point.unknown(words, &[])),
        scalar => value(scalar, point, budget),
    }
}

fn structure(name: &str, parts: &[Expr], point: Point, budget: &mut Budget) -> Option<Complex64> {
    let values: Option<Vec<Complex64>> =
        parts.iter().map(|part| opaque(part, point, budget)).collect();
    Some(point.unknown(name, &values?))
}

fn power(base: &Expr, exponent: &Expr, point: Point, budget: &mut Budget) -> Option<Complex64> {
    let x = value(base, point, budget)?;
    let exact = exact::value(exponent, budget).ok()?;
    if let Some(exponent) = exact {
        if x.is_zero() && exponent.is_negative() {
            return None;
        }
        if exponent.is_integer() {
            let n = exponent.to_integer().to_i32()?;
            return Some(if x.im == 0.0 { x.re.powi(n).into() } else { x.powi(n) });
        }
        // Odd roots of negative numbers are negative, as at school.
        let odd = exponent.denom().bit(0);
        if x.im == 0.0 && (x.re >= 0.0 || odd) {
            let magnitude = x.re.abs().powf(number::to_f64(&exponent));
            let negative = x.re < 0.0 && exponent.numer().bit(0);
            return Some(if negative { -magnitude } else { magnitude }.into());
        }
        return Some(x.powf(number::to_f64(&exponent)));
    }
    let y = value(exponent, point, budget)?;
    if x.is_zero() {
        return (y.re > 0.0).then(Complex64::zero);
    }
    Some(if x.im == 0.0 && x.re > 0.0 && y.im == 0.0 { x.re.powf(y.re).into() } else { x.powc(y) })
}

/// Whether a function of this name has values.
pub(crate) fn is_known(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

const FUNCTIONS: [&str; 27] = [
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "exp",
    "ln",
    "log",
    "abs",
    "floor",
    "ceil",
    "sgn",
    "Re",
    "Im",
    "arg",
    "numeral",
    "max",
    "min",
    "factorial",
    "binomial",
];

fn known(name: &str, values: &[Complex64]) -> Option<Complex64> {
    let real = |x: Complex64| x.im.abs() <= 1e-12 * (1.0 + x.re.abs());
    Some(match (name, values) {
        ("sin", [x]) => x.sin(),
        ("cos", [x]) => x.cos(),
        ("tan", [x]) => x.tan(),
        ("cot", [x]) => x.tan().inv(),
        ("sec", [x]) => x.cos().inv(),
        ("csc", [x]) => x.sin().inv(),
        ("arcsin", [x]) => x.asin(),
        ("arccos", [x]) => x.acos(),
        ("arctan", [x]) => x.atan(),
        ("sinh", [x]) => x.sinh(),
        ("cosh", [x]) => x.cosh(),
        ("tanh", [x]) => x.tanh(),
        ("exp", [x]) => x.exp(),
        ("ln", [x]) => x.ln(),
        ("log", [x]) => x.log10(),
        ("log", [x, base]) => x.ln() / base.ln(),
        ("abs", [x]) => x.norm().into(),
        ("floor", [x]) if real(*x) => x.re.floor().into(),
        ("ceil", [x]) if real(*x) => x.re.ceil().into(),
        ("sgn", [x]) if real(*x) => x.re.signum().into(),
        ("Re", [x]) => x.re.into(),
        ("Im", [x]) => x.im.into(),
        ("arg", [x]) => x.arg().into(),
        ("numeral", [x, ..]) => *x,
        ("factorial", [n]) if real(*n) => gamma(n.re + 1.0)?.into(),
        ("binomial", [n, k]) if real(*n) && real(*k) => {
            (gamma(n.re + 1.0)? / gamma(k.re + 1.0)? / gamma(n.re - k.re + 1.0)?).into()
        }
        ("max", [..]) if values.iter().all(|x| real(*x)) => {
            values.iter().map(|x| x.re).reduce(f64::max)?.into()
        }
        ("min", [..]) if values.iter().all(|x| real(*x)) => {
            values.iter().map(|x| x.re).reduce(f64::min)?.into()
        }
        _ => return None,
    })
}

/// The gamma function by Lanczos' approximation (g = 7, nine terms); `None` at its poles.
fn gamma(x: f64) -> Option<f64> {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        let sine = (std::f64::consts::PI * x).sin();
        return (x.fract() != 0.0)
            .then(|| gamma(1.0 - x))?
            .map(|g| std::f64::consts::PI / (sine * g));
    }
    let x = x - 1.0;
    let series = TERMS.iter().zip(1..).map(|(c, i)| c / (x + f64::from(i))).sum::<f64>();
    let t = x + 7.5;
    let root = (2.0 * std::f64::consts::PI).sqrt();
    Some(root * t.powf(x + 0.5) * (-t).exp() * (0.999_999_999_999_809_9 + series))
}

/// Whether two values are equal up to the rounding of their computation.
pub(crate) fn close(a: Complex64, b: Complex64, relative: f64) -> bool {
    (a - b).norm() <= relative * a.norm().max(b.norm()) + 1e-12
}
