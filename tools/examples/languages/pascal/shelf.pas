{ Lends two books of each kind, and gets one of each back. }
program shelf;

uses cmem;

function malloc(bytes: ptruint): pointer; cdecl; external 'c';
procedure free(block: pointer); cdecl; external 'c';

function keep: pointer;
begin
  keep := malloc(1301);
end;

function lend: pointer;
begin
  getmem(lend, 1229);
end;

var
  first, second: pointer;
begin
  first := keep;
  second := keep;
  free(first);
  first := lend;
  second := lend;
  freemem(first);
  second := nil;
  writeln('2 lent');
end.
