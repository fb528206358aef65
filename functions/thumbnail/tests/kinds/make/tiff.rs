//! TIFF: directories written by hand, in both byte orders.

/// A TIFF to be, of one page unless told otherwise.
#[derive(Clone)]
pub(crate) struct Tiff {
    pub(crate) size: (u32, u32),
    pub(crate) big_endian: bool,
    pub(crate) photometric: u16,
    pub(crate) bits: u16,
    pub(crate) samples: u16,
    /// Tag 338, where there is one.
    pub(crate) extra: Option<u16>,
    /// 1: unsigned, 3: floating point.
    pub(crate) format: u16,
    pub(crate) compression: u16,
    /// Strips: one, or with `planar` one for each sample.
    pub(crate) planar: bool,
    /// Each strip's data, in the file's byte order.
    pub(crate) strips: Vec<Vec<u8>>,
    /// Other tags with their values as bytes of type 7, or 16-bit numbers of type 3.
    pub(crate) others: Vec<(u16, Values)>,
}

#[derive(Clone)]
pub(crate) enum Values {
    Bytes(Vec<u8>),
    Shorts(Vec<u16>),
}

impl Tiff {
    /// 16x16 pixels, each of these bytes.
    pub(crate) fn of(photometric: u16, samples: u16, pixel: &[u8]) -> Self {
        Self {
            size: (16, 16),
            big_endian: false,
            photometric,
            bits: 8,
            samples,
            extra: None,
            format: 1,
            compression: 1,
            planar: false,
            strips: vec![pixel.repeat(256)],
            others: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = if self.big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        // Data first, so that all offsets are known when the directory is written, at the end.
        file.extend(self.long(0));
        let mut offsets = Vec::new();
        for strip in &self.strips {
            offsets.push(file.len() as u32);
            file.extend(strip);
        }
        let lengths: Vec<u32> = self.strips.iter().map(|strip| strip.len() as u32).collect();
        let mut entries: Vec<(u16, u16, u32, Vec<u8>)> = vec![
            self.longs(256, &[self.size.0]),
            self.longs(257, &[self.size.1]),
            self.shorts(258, &vec![self.bits; self.samples.into()]),
            self.shorts(259, &[self.compression]),
            self.shorts(262, &[self.photometric]),
            self.longs(273, &offsets),
            self.shorts(277, &[self.samples]),
            self.longs(278, &[self.size.1]),
            self.longs(279, &lengths),
            self.shorts(284, &[if self.planar { 2 } else { 1 }]),
            self.shorts(339, &vec![self.format; self.samples.into()]),
        ];
        entries.extend(self.extra.map(|extra| self.shorts(338, &[extra])));
        entries.extend(self.others.iter().map(|(tag, values)| match values {
            Values::Bytes(bytes) => (*tag, 7, bytes.len() as u32, bytes.clone()),
            Values::Shorts(numbers) => self.shorts(*tag, numbers),
        }));
        entries.sort_by_key(|(tag, ..)| *tag);
        let mut directory = self.short(entries.len() as u16).to_vec();
        for (tag, kind, count, mut value) in entries {
            directory.extend([self.short(tag), self.short(kind)].concat());
            directory.extend(self.long(count));
            value.resize(value.len().max(4), 0);
            if value.len() > 4 {
                directory.extend(self.long(file.len() as u32));
                file.extend(value);
            } else {
                directory.extend(value);
            }
        }
        directory.extend(self.long(0));
        let start = self.long(file.len() as u32);
        file.extend(directory);
        file[4..8].copy_from_slice(&start);
        file
    }

    fn short(&self, value: u16) -> [u8; 2] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn long(&self, value: u32) -> [u8; 4] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn shorts(&self, tag: u16, values: &[u16]) -> (u16, u16, u32, Vec<u8>) {
        (tag, 3, values.len() as u32, values.iter().flat_map(|value| self.short(*value)).collect())
    }

    fn longs(&self, tag: u16, values: &[u32]) -> (u16, u16, u32, Vec<u8>) {
        (tag, 4, values.len() as u32, values.iter().flat_map(|value| self.long(*value)).collect())
    }
}
