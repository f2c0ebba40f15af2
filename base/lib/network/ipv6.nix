# IPv6 addresses (RFC 4291 for what is read, RFC 5952 for what is written).
{ lib }:
let
  inherit (builtins) elemAt length match;

  fail = text: reason: throw "IPv6 address '${text}' is not valid: ${reason}";

  # The parts before or after "::" to 16-bit numbers; a trailing IPv4 address counts as two.
  hextets =
    text: side:
    if side == "" then
      [ ]
    else
      builtins.concatMap (
        part:
        if match "[0-9A-Fa-f]{1,4}" part != null then
          [ (lib.fromHexString part) ]
        else
          fail text "'${part}' is no group of one to four hexadecimal digits"
      ) (lib.splitString ":" side);

  parseAddress =
    text:
    let
      halves = lib.splitString "::" text;
      left = hextets text (elemAt halves 0);
      right = hextets text (elemAt halves 1);
      missing = 8 - length left - length right;
    in
    if length halves > 2 then
      fail text "'::' may appear only once"
    else if length halves == 1 then
      if length left == 8 then left else fail text "it has ${toString (length left)} groups instead of 8"
    else if missing < 1 then
      fail text "'::' stands for at least one group of zeros"
    else
      left ++ lib.replicate missing 0 ++ right;

  # The longest run of zeros, of at least two groups, becomes "::".
  show =
    groups:
    let
      runAt =
        start:
        let
          go = n: if start + n < 8 && elemAt groups (start + n) == 0 then go (n + 1) else n;
        in
        go 0;
      runs = map (start: {
        inherit start;
        count = runAt start;
      }) (lib.range 0 7);
      longest = builtins.foldl' (best: run: if run.count > best.count then run else best) {
        start = 0;
        count = 1;
      } runs;
      hex = n: lib.toLower (lib.toHexString n);
      join = lib.concatMapStringsSep ":" hex;
    in
    if longest.count < 2 then
      join groups
    else
      "${join (lib.take longest.start groups)}::${join (lib.drop (longest.start + longest.count) groups)}";
in
rec {
  # fromString :: string -> { address; prefixLength; url; urlWithPort; }
  # "ADDRESS" or "ADDRESS/PREFIX"; the address in its canonical form.
  fromString =
    text:
    let
      parts = lib.splitString "/" text;
      address = show (parseAddress (elemAt parts 0));
      prefixText = elemAt parts 1;
      prefix =
        if length parts == 1 then
          128
        else if match "[0-9]{1,3}" prefixText == null then
          fail text "'${prefixText}' is no prefix length"
        else
          lib.toIntBase10 prefixText;
    in
    if length parts > 2 then
      fail text "more than one '/'"
    else if prefix > 128 then
      fail text "the prefix length is greater than 128"
    else
      {
        inherit address;
        prefixLength = prefix;
        url = "[${address}]";
        urlWithPort = port: "[${address}]:${toString port}";
      };

  # mkEUI64Suffix :: string -> string
  # The interface identifier that a MAC address gives (RFC 4291, appendix A).
  mkEUI64Suffix =
    mac:
    let
      octets = map lib.fromHexString (
        map lib.toLower (lib.splitString ":" (builtins.replaceStrings [ "-" "." ] [ ":" ":" ] mac))
      );
      first = builtins.bitXor (elemAt octets 0) 2;
      group = high: low: high * 256 + low;
      hex = n: lib.toLower (lib.toHexString n);
    in
    if length octets != 6 then
      throw "\"${mac}\" is not a valid MAC address (expected 6 octets of data)"
    else
      lib.concatMapStringsSep ":" hex [
        (group first (elemAt octets 1))
        (group (elemAt octets 2) 255)
        (group 254 (elemAt octets 3))
        (group (elemAt octets 4) (elemAt octets 5))
      ];
}
