! Lends two books, and gets one back.
module shelves
contains
  subroutine lend(book)
    real, pointer, intent(out) :: book(:)
    allocate (book(309))
    book = 1
  end subroutine
end module

program shelf
  use shelves
  real, pointer :: first(:), second(:)
  call lend(first)
  call lend(second)
  deallocate (first)
  nullify (second)
  print *, '1 lent'
end program
