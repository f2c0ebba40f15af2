# A NixOS test of one machine.
{ nixpkgs }:
(import nixpkgs { system = "x86_64-linux"; }).nixosTests.login
