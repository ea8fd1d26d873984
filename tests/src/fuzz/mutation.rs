//! Changes an input a little, as a fault of a disk, of a program or of a person would.

use crate::Random;

/// Numbers at which something ends.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    3,
    5,
    0x7f,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 48,
    i64::MAX as u64 - 1,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// How deep messages are looked for in messages.
const DEPTH: usize = 6;

/// The input with one to four changes; `other` is what pieces are taken from.
pub fn mutate(random: &mut Random, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        bytes = once(random, bytes, other);
    }
    bytes
}

fn once(random: &mut Random, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    let place = random.below(bytes.len() as u64 + 1) as usize;
    match random.below(9) {
        0 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = random.number() as u8;
            }
        }
        2 => bytes.truncate(place),
        3 => {
            let length = random.below(16) as usize;
            let inserted = random.bytes(length);
            bytes.splice(place..place, inserted);
        }
        4 => {
            let end = (place + random.below(16) as usize).min(bytes.len());
            bytes.drain(place..end);
        }
        5 => {
            let from = random.below(other.len() as u64 + 1) as usize;
            bytes.truncate(place);
            bytes.extend_from_slice(&other[from..]);
        }
        6 => inflate(random, &mut bytes, place),
        // From the beginning, or after the byte that chooses.
        _ => {
            let skipped = (random.below(2) as usize).min(bytes.len());
            let changed = message(random, &bytes[skipped..], DEPTH);
            if let Some(changed) = changed {
                bytes.truncate(skipped);
                bytes.extend_from_slice(&changed);
            }
        }
    }
    bytes
}

/// Writes a number of a length or an offset over what is there.
fn inflate(random: &mut Random, bytes: &mut [u8], place: usize) {
    let number = number(random).to_be_bytes();
    let width = [1, 2, 4, 8][random.below(4) as usize];
    let number = &number[8 - width..];
    for (byte, new) in bytes.iter_mut().skip(place).zip(number) {
        *byte = *new;
    }
}

fn number(random: &mut Random) -> u64 {
    NUMBERS[random.below(NUMBERS.len() as u64) as usize]
}

/// The bytes as protobuf with the number of one field changed; `None` when they are none.
fn message(random: &mut Random, bytes: &[u8], depth: usize) -> Option<Vec<u8>> {
    let fields = fields(bytes)?;
    let chosen = random.below(fields.len().max(1) as u64) as usize;
    let mut changed = Vec::new();
    for (index, (tag, field)) in fields.iter().enumerate() {
        put(&mut changed, *tag);
        match field {
            Field::Number(value) => {
                let value = if index == chosen {
                    number(random)
                } else {
                    *value
                };
                put(&mut changed, value);
            }
            Field::Fixed(raw) => changed.extend_from_slice(raw),
            Field::Bytes(inner) => {
                let deeper = (index == chosen && depth > 0)
                    .then(|| message(random, inner, depth - 1))
                    .flatten();
                let inner = deeper.as_deref().unwrap_or(inner);
                put(&mut changed, inner.len() as u64);
                changed.extend_from_slice(inner);
            }
        }
    }
    Some(changed)
}

enum Field<'a> {
    Number(u64),
    Fixed(&'a [u8]),
    Bytes(&'a [u8]),
}

fn fields(bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let tag = take(&mut rest)?;
        let field = match tag & 7 {
            0 => Field::Number(take(&mut rest)?),
            1 => Field::Fixed(raw(&mut rest, 8)?),
            5 => Field::Fixed(raw(&mut rest, 4)?),
            2 => {
                let length = take(&mut rest)?;
                Field::Bytes(raw(&mut rest, length)?)
            }
            _ => return None,
        };
        fields.push((tag, field));
    }
    Some(fields)
}

fn raw<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (raw, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(raw)
}

/// A varint.
fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_a_message_in_a_message_is_changed() {
        let inner = [0x08, 0x05];
        let outer = [0x12, 2, inner[0], inner[1]];
        let mut random = Random::new(1);
        let all: Vec<Vec<u8>> = (0..200)
            .map(|_| message(&mut random, &outer, DEPTH).unwrap())
            .collect();
        let mut greatest = vec![0x12, 11, 0x08];
        put(&mut greatest, u64::MAX);
        assert!(all.contains(&greatest), "{all:?}");
    }
}
