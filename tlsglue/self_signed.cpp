// A P-256 key and an X.509 certificate over it, written as PEM.
#include <tlsglue/self_signed.h>

#include <cstring>
#include <utility>

#include <tlsglue/detail/openssl.h>

namespace tlsglue {

namespace {

using detail::BioPtr;
using detail::KeyPtr;
using detail::X509Ptr;

constexpr long kYearSeconds = 365L * 24 * 3600;
constexpr long kClockSkewSeconds = 3600;

TlsError failed() { return {TlsErrorCode::library, "OpenSSL cannot make a self-signed certificate"}; }

bool add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// subjectAltName, built by hand: the text form would let a comma in a name add another name.
bool add_names(X509* certificate, std::span<const std::string_view> names) {
  GENERAL_NAMES* list = sk_GENERAL_NAME_new_null();
  bool fine = list != nullptr;
  for (const std::string_view name : names) {
    char text[256];
    fine = fine && !name.empty() && name.size() < sizeof text && name.find('\0') == name.npos;
    if (!fine) break;
    std::memcpy(text, name.data(), name.size());
    text[name.size()] = '\0';
    GENERAL_NAME* entry = GENERAL_NAME_new();
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(text);
    ASN1_IA5STRING* host = address == nullptr && !detail::ran_out_of_memory() ? ASN1_IA5STRING_new() : nullptr;
    fine =
        entry != nullptr &&
        (address != nullptr || (host != nullptr && ASN1_STRING_set(host, text, static_cast<int>(name.size())) == 1)) &&
        sk_GENERAL_NAME_push(list, entry) > 0;
    if (!fine) {
      GENERAL_NAME_free(entry);
      ASN1_OCTET_STRING_free(address);
      ASN1_IA5STRING_free(host);
      break;
    }
    if (address != nullptr) {
      GENERAL_NAME_set0_value(entry, GEN_IPADD, address);
    } else {
      GENERAL_NAME_set0_value(entry, GEN_DNS, host);
    }
  }
  fine = fine && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1;
  GENERAL_NAMES_free(list);
  return fine;
}

bool fill(X509* certificate, EVP_PKEY* key, std::span<const std::string_view> names) {
  unsigned char serial[16];
  BIGNUM* number = nullptr;
  if (X509_set_version(certificate, X509_VERSION_3) != 1 || RAND_bytes(serial, sizeof serial) != 1) return false;
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x40);  // positive, and of full length
  number = BN_bin2bn(serial, sizeof serial, nullptr);
  const bool numbered = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  X509_NAME* subject = X509_get_subject_name(certificate);
  const auto* common = reinterpret_cast<const unsigned char*>(names.front().data());
  const int common_bytes = static_cast<int>(names.front().size() < 64 ? names.front().size() : 64);  // RFC 5280 A.1
  // Not a CA: the key of a demo must not be able to vouch for other names.
  return numbered && X509_gmtime_adj(X509_getm_notBefore(certificate), -kClockSkewSeconds) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), kYearSeconds) != nullptr &&
         X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common, common_bytes, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         add_names(certificate, names) && add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
         add_extension(certificate, NID_subject_key_identifier, "hash") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

OwnedText text_of(BIO* bio) {
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio, &text);
  return OwnedText{{text, static_cast<std::size_t>(length)}};
}

}  // namespace

OwnedText::OwnedText(std::string_view text, const hpack::Allocator& allocator) noexcept : allocator_(allocator) {
  if (text.empty()) return;
  text_ = static_cast<char*>(allocator_.allocate(allocator_.context, text.size()));
  if (text_ == nullptr) return;
  std::memcpy(text_, text.data(), text.size());
  length_ = text.size();
}

OwnedText::~OwnedText() {
  if (text_ == nullptr) return;
  OPENSSL_cleanse(text_, length_);  // it may be a key
  allocator_.release(allocator_.context, text_, length_);
}

OwnedText::OwnedText(OwnedText&& other) noexcept
    : allocator_(other.allocator_),
      text_(std::exchange(other.text_, nullptr)),
      length_(std::exchange(other.length_, 0)) {}

OwnedText& OwnedText::operator=(OwnedText&& other) noexcept {
  std::swap(allocator_, other.allocator_);
  std::swap(text_, other.text_);
  std::swap(length_, other.length_);
  return *this;
}

hpack::Result<SelfSigned, TlsError> make_self_signed(std::span<const std::string_view> names) noexcept {
  if (names.empty()) return TlsError{TlsErrorCode::bad_name, "a certificate needs a name"};
  ERR_clear_error();
  const KeyPtr key{EVP_EC_gen("P-256")};
  const X509Ptr certificate{X509_new()};
  const BioPtr certificate_text{BIO_new(BIO_s_mem())};
  const BioPtr key_text{BIO_new(BIO_s_mem())};
  const bool made = key != nullptr && certificate != nullptr && certificate_text != nullptr && key_text != nullptr &&
                    fill(certificate.get(), key.get(), names) &&
                    PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1 &&
                    PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
  ERR_clear_error();
  if (!made) return failed();
  SelfSigned result{text_of(certificate_text.get()), text_of(key_text.get())};
  if (result.certificate_pem.view().empty() || result.key_pem.view().empty()) return failed();
  return result;
}

}  // namespace tlsglue
