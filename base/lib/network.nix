# Addresses of the Internet.
{ lib }:
{
  ipv6 = import ./network/ipv6.nix { inherit lib; };
}
