//! What S3 computes over the bytes: MD5 for etags, CRC64NVME and SHA-256 as checksums.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};
use sha2::Sha256;

use super::super::Checksum;
use crate::hex;

/// The reversed polynomial of CRC-64/NVME. Source: NVM Express NVM command set specification, "64b CRC".
const POLYNOMIAL: u64 = 0x9a6c_9329_ac4b_c9b5;

/// `TABLES[n][b]` is the remainder of byte `b` followed by `n` zero bytes, so that eight bytes go in one step.
///
/// A static, not a constant: an unoptimised build would copy a constant of 16 KB at each use.
static TABLES: [[u64; 256]; 8] = tables();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a wrong index is a compile error")]
const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            remainder = if remainder & 1 == 1 { (remainder >> 1) ^ POLYNOMIAL } else { remainder >> 1 };
            bit += 1;
        }
        tables[0][byte] = remainder;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let shorter: u64 = tables[zeros - 1][byte];
            tables[zeros][byte] = tables[0][(shorter & 0xff) as usize] ^ (shorter >> 8);
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[expect(clippy::indexing_slicing, reason = "the first index is below 8 and the second is one byte")]
fn remainder(zeros: usize, word: u64) -> u64 {
    TABLES[zeros & 7][(word & 0xff) as usize]
}

/// CRC-64/NVME of the bytes of all chunks in their order.
pub(super) fn crc64_nvme(chunks: &[Bytes]) -> u64 {
    let mut crc = u64::MAX;
    for chunk in chunks {
        let (words, rest) = chunk.as_chunks::<8>();
        for word in words {
            let x = crc ^ u64::from_le_bytes(*word);
            crc = remainder(7, x)
                ^ remainder(6, x >> 8)
                ^ remainder(5, x >> 16)
                ^ remainder(4, x >> 24)
                ^ remainder(3, x >> 32)
                ^ remainder(2, x >> 40)
                ^ remainder(1, x >> 48)
                ^ remainder(0, x >> 56);
        }
        for byte in rest {
            crc = remainder(0, crc ^ u64::from(*byte)) ^ (crc >> 8);
        }
    }
    !crc
}

/// The checksum of a full object as S3 shows it: `ALGORITHM:base64`.
pub(super) fn checksum(algorithm: Checksum, chunks: &[Bytes]) -> String {
    match algorithm {
        Checksum::Crc64Nvme => format!("CRC64NVME:{}", STANDARD.encode(crc64_nvme(chunks).to_be_bytes())),
        Checksum::Sha256 => {
            let mut sha = Sha256::new();
            chunks.iter().for_each(|chunk| sha.update(chunk));
            format!("SHA256:{}", STANDARD.encode(sha.finalize()))
        }
    }
}

/// The MD5 of the bytes of all chunks in their order.
pub(super) fn md5(chunks: &[Bytes]) -> [u8; 16] {
    let mut md5 = Md5::new();
    chunks.iter().for_each(|chunk| md5.update(chunk));
    md5.finalize().into()
}

/// The etag of an object made of parts: the MD5 of the parts' MD5s, and their number.
pub(super) fn multipart_etag(parts: &[[u8; 16]]) -> String {
    let mut md5 = Md5::new();
    parts.iter().for_each(|part| md5.update(part));
    format!("{}-{}", hex(md5.finalize()), parts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc64_nvme_has_the_published_check_value() {
        assert_eq!(crc64_nvme(&[Bytes::from_static(b"123456789")]), 0xae8b_1486_0a79_9888);
    }

    #[test]
    fn crc64_nvme_does_not_depend_on_where_the_chunks_are_cut() {
        let whole = Bytes::from((0..=255).cycle().take(1000).collect::<Vec<u8>>());
        let expected = crc64_nvme(std::slice::from_ref(&whole));
        for cut in [0, 1, 7, 8, 9, 500, 999, 1000] {
            assert_eq!(crc64_nvme(&[whole.slice(..cut), whole.slice(cut..)]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn an_empty_object_has_s3s_well_known_digests() {
        assert_eq!(hex(md5(&[])), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(checksum(Checksum::Crc64Nvme, &[]), "CRC64NVME:AAAAAAAAAAA=");
        assert_eq!(checksum(Checksum::Sha256, &[]), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn a_multipart_etag_is_the_md5_of_the_parts_digests() {
        // md5(md5("a") || md5("b")), computed with another MD5.
        let parts = [md5(&[Bytes::from_static(b"a")]), md5(&[Bytes::from_static(b"b")])];
        assert_eq!(multipart_etag(&parts), "96e024ba2074fe77e8e965ba43a704be-2");
    }
}
