# Three boards of one kind.
{
  boards = {
    zcu-0 = {
      uart = "1-1.1.3";
      card = "1-1.1.4";
      targets = [
        "fpga"
        "fpga-nightly"
      ];
    };
    zcu-1 = {
      uart = "1-1.2.3";
      card = "1-1.2.4";
    };
    zcu-2 = {
      uart = "1-1.3.3";
      card = "1-1.3.4";
    };
  };
}
