//! Where gradients are summed.

use std::collections::HashMap;

use tch::{Kind, Tensor};

/// The gradients of some parameters, in f32, in one piece of memory: what is not among them is frozen.
#[derive(Debug)]
pub struct Gradients {
    /// The gradients, then the extra numbers.
    flat: Tensor,
    extra: i64,
    names: Vec<String>,
    /// One for each parameter, of its shape, within `flat`.
    views: Vec<Tensor>,
    /// The place of a parameter in the lists, by where its values are.
    places: HashMap<usize, usize>,
}

impl Gradients {
    /// Zeros for parameters, given by name, on their device.
    ///
    /// The parameters are recognised by the memory that they share with the model, so they must be the model's own, as
    /// `CausalLm::lora_parameters` and `CausalLm::parameters` give them.
    pub fn new(parameters: &[(String, Tensor)]) -> Self {
        Self::with_extra(parameters, 0)
    }

    /// As [`Self::new`], with room behind the gradients for numbers that are to be summed over devices with them.
    pub fn with_extra(parameters: &[(String, Tensor)], extra: usize) -> Self {
        let extra = extra as i64;
        let device = parameters.first().map_or(tch::Device::Cpu, |(_, tensor)| tensor.device());
        let total = parameters.iter().map(|(_, tensor)| tensor.numel() as i64).sum::<i64>();
        let flat = Tensor::zeros([total + extra], (Kind::Float, device));
        let mut start = 0;
        let view = |(_, parameter): &(String, Tensor)| {
            let count = parameter.numel() as i64;
            let view = flat.narrow(0, start, count).view_as(parameter);
            start += count;
            view
        };
        let views = parameters.iter().map(view).collect();
        let place =
            |(place, (_, parameter)): (usize, &(String, Tensor))| (address(parameter), place);
        Self {
            places: parameters.iter().enumerate().map(place).collect(),
            names: parameters.iter().map(|(name, _)| name.clone()).collect(),
            views,
            flat,
            extra,
        }
    }

    /// Sets all to zero.
    pub fn clear(&mut self) {
        let _ = self.flat.zero_();
    }

    /// All gradients, one behind the other: `[number of parameters]`, f32.
    pub fn flat(&self) -> Tensor {
        self.flat.narrow(0, 0, self.flat.size()[0] - self.extra)
    }

    /// The extra numbers: `[extra]`, f32, within [`Self::whole`].
    pub fn extra(&self) -> Tensor {
        self.flat.narrow(0, self.flat.size()[0] - self.extra, self.extra)
    }

    /// Gradients and extra numbers in one piece, to be summed over devices.
    pub fn whole(&mut self) -> &mut Tensor {
        &mut self.flat
    }

    /// The gradients in the order of the parameters, each of its parameter's shape, f32, within [`Self::flat`].
    pub fn each(&self) -> &[Tensor] {
        &self.views
    }

    /// The gradients by the names of their parameters.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.names.iter().map(String::as_str).zip(&self.views)
    }

    /// The gradient of a parameter, unless it is frozen.
    pub(crate) fn of(&mut self, parameter: &Tensor) -> Option<&mut Tensor> {
        let place = *self.places.get(&address(parameter))?;
        self.views.get_mut(place)
    }
}

/// Where a tensor's values are, which tells parameters from one another as long as they live.
fn address(tensor: &Tensor) -> usize {
    tensor.data_ptr() as usize
}
